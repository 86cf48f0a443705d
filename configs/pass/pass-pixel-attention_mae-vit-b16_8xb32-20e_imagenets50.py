_base_ = "pass-pixel-attention_dino-vit-s16_8xb32-20e_imagenets50.py"
model = dict(
    backbone=dict(
        arch="base",
        init_cfg=dict(checkpoint="checkpoints/mae_pretrain_vit_base.pth"),
    )
)
