# The benchmark's rule: no pretraining on images of other categories.
_base_ = "fcn_r50-d32_8xb32-100e_imagenets919.py"
model = dict(
    backbone=dict(
        depth=18, init_cfg=dict(checkpoint="work_dirs/pass-pretrain_r18_8xb32-200e_imagenets50/epoch_200.pth")
    ),
    decode_head=dict(num_classes=51),
)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/ImageNetS50", subset=50))
