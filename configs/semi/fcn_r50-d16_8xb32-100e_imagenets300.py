# The benchmark's rule: no pretraining on images of other categories.
_base_ = "fcn_r50-d16_8xb32-100e_imagenets919.py"
model = dict(
    backbone=dict(init_cfg=dict(checkpoint="work_dirs/pass-pretrain_r50_8xb32-100e_imagenets300/epoch_100.pth")),
    decode_head=dict(num_classes=301),
)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/ImageNetS300", subset=300))
