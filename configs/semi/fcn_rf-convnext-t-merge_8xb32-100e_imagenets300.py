_base_ = "fcn_rf-convnext-t-merge_8xb32-100e_imagenets919.py"
model = dict(
    backbone=dict(
        structure_file="work_dirs/fcn_rf-convnext-t-multiple_8xb32-100e_imagenets300/epoch_100.pth",
        init_cfg=dict(checkpoint="work_dirs/fcn_rf-convnext-t-multiple_8xb32-100e_imagenets300/epoch_100.pth"),
    ),
    decode_head=dict(num_classes=301),
)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/ImageNetS300", subset=300))
