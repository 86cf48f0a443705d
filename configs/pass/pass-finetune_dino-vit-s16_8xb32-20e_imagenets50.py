_base_ = [
    "../_base_/models/pass_segmentor_vit-small-p16.py",
    "../_base_/datasets/imagenets50_pixel_labels.py",
    "../_base_/datasets/imagenets50.py",
    "../_base_/schedules/adamw_warmup_100e.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(init_cfg=dict(type="Pretrained", checkpoint="checkpoints/dino_deitsmall16_pretrain.pth")),
    decode_head=dict(num_classes=51),
)
train_dataloader = dict(
    dataset=dict(label_root="work_dirs/pass-pixel-attention_dino-vit-s16_8xb32-20e_imagenets50/pixel_labels")
)
param_scheduler = [
    dict(type="WarmupCosineLR", warmup=1, min_lr=1e-6, by_epoch=True, begin=0, end=20, convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=20, val_interval=20)
