_base_ = "pass-finetune_dino-vit-s16_8xb32-20e_imagenets50.py"
model = dict(
    backbone=dict(
        arch="dinov2-small",
        img_size=518,
        patch_size=14,
        layer_scale_init_value=1e-5,
        init_cfg=dict(checkpoint="checkpoints/dinov2_vits14_pretrain.pth"),
    )
)
train_dataloader = dict(
    dataset=dict(label_root="work_dirs/pass-pixel-attention_dinov2-vit-s14_8xb32-20e_imagenets50/pixel_labels")
)
test_pipeline = [
    dict(step, size_divisor=14) if step["type"] == "ResizeToMultiple" else step for step in _base_.test_pipeline
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
