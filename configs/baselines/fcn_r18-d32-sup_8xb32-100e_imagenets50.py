# Free protocol: an upper bound with every label there is, from the classifier of image-level labels.
_base_ = "../semi/fcn_r50-d32_8xb32-100e_imagenets919.py"
model = dict(
    backbone=dict(depth=18, init_cfg=dict(checkpoint="work_dirs/classifier_r18_8xb32-100e_imagenets50/epoch_100.pth")),
    decode_head=dict(num_classes=51),
)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/ImageNetS50", subset=50))
