_base_ = "pass-pixel-attention_dino-vit-s16_8xb32-20e_imagenets50.py"
model = dict(
    backbone=dict(
        arch=dict(embed_dims=384, num_layers=12, num_heads=12, feedforward_channels=1536),
        init_cfg=dict(checkpoint="checkpoints/vit-s-300ep.pth.tar"),
    )
)
