# A backbone that comes trained: no projector, as there is no step 1 to train one; its sizes (0) are not used.
model = dict(
    type="PixelAttentionSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor"),
    backbone=dict(
        type="mmpretrain.VisionTransformer", arch="deit-small", img_size=224, patch_size=16, out_type="featmap"
    ),
    image_projector=False,
    hidden_channels=0,
    embedding_dim=0,
    num_prototypes=500,
    queue=dict(length=2048),
)
