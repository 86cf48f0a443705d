_base_ = [
    "../_base_/models/pass-finetune_r50.py",
    "../_base_/datasets/imagenets_pixel_labels.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/schedules/larc.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(init_cfg=dict(checkpoint="work_dirs/pass-pretrain_r50_8xb32-100e_imagenets919/epoch_100.pth")),
    decode_head=dict(num_classes=920),
)
train_dataloader = dict(
    dataset=dict(label_root="work_dirs/pass-pixel-attention_r50_8xb32-20e_imagenets919/pixel_labels")
)
