_base_ = "pass-pixel-attention_dino-vit-s16_8xb32-20e_imagenets50.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmpretrain.SwinTransformer",
        arch="tiny",
        drop_path_rate=0.0,
        pad_small_map=True,
        init_cfg=dict(
            type="Pretrained",
            checkpoint="checkpoints/swin_tiny_224_b16x64_300e_imagenet_20210616_090925-66df6be6.pth",
            prefix="backbone.",
        ),
    )
)
