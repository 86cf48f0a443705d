_base_ = "pass-finetune_dino-vit-s16_8xb32-20e_imagenets50.py"
model = dict(
    backbone=dict(
        arch="base",
        init_cfg=dict(checkpoint="checkpoints/mae_pretrain_vit_base.pth"),
    )
)
train_dataloader = dict(
    dataset=dict(label_root="work_dirs/pass-pixel-attention_mae-vit-b16_8xb32-20e_imagenets50/pixel_labels")
)
