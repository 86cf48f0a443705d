_base_ = [
    "../_base_/models/pass-finetune_r50.py",
    "../_base_/datasets/imagenets_pixel_labels.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/schedules/larc.py",
    "../_base_/default_runtime.py",
]
data_root = "data/ImageNetS50"
model = dict(
    backbone=dict(
        depth=18, init_cfg=dict(checkpoint="work_dirs/pass-pretrain_r18_8xb32-200e_imagenets50/epoch_200.pth")
    ),
    decode_head=dict(num_classes=51),
)
label_root = "work_dirs/pass-pixel-attention_r18_8xb32-20e_imagenets50/pixel_labels"
train_dataloader = dict(dataset=dict(data_root=data_root, subset=50, label_root=label_root))
val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root, subset=50))
