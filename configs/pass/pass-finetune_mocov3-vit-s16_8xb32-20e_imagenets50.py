_base_ = "pass-finetune_dino-vit-s16_8xb32-20e_imagenets50.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmpretrain.VisionTransformer",
        # MoCo v3 has twice the usual number of attention heads.
        arch=dict(embed_dims=384, num_layers=12, num_heads=12, feedforward_channels=1536),
        img_size=224,
        patch_size=16,
        out_type="featmap",
        init_cfg=dict(type="Pretrained", checkpoint="checkpoints/vit-s-300ep.pth.tar"),
    )
)
train_dataloader = dict(
    dataset=dict(label_root="work_dirs/pass-pixel-attention_mocov3-vit-s16_8xb32-20e_imagenets50/pixel_labels")
)
