_base_ = "fcn_rf-convnext-t-single_8xb32-100e_imagenets919.py"
model = dict(
    backbone=dict(structure_file="work_dirs/fcn_rf-convnext-t-search_8xb32-100e_imagenets50/epoch_100.pth"),
    decode_head=dict(num_classes=51),
)
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/ImageNetS50", subset=50))
