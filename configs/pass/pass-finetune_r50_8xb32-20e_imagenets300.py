_base_ = "pass-finetune_r50_8xb32-20e_imagenets919.py"
data_root = "data/ImageNetS300"
model = dict(
    backbone=dict(init_cfg=dict(checkpoint="work_dirs/pass-pretrain_r50_8xb32-100e_imagenets300/epoch_100.pth")),
    decode_head=dict(num_classes=301),
)
label_root = "work_dirs/pass-pixel-attention_r50_8xb32-20e_imagenets300/pixel_labels"
train_dataloader = dict(dataset=dict(data_root=data_root, subset=300, label_root=label_root))
val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root, subset=300))
