# A backbone that comes trained: no projector, as there is no step 1 to train one; its sizes (0) are not used.
data_preprocessor = dict(
    type="MultiCropDataPreProcessor",
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    seg_pad_val=1000,
)
model = dict(
    type="PixelAttentionSegmentor",
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type="mmpretrain.VisionTransformer", arch="deit-small", img_size=224, patch_size=16, out_type="featmap"
    ),
    image_projector=False,
    hidden_channels=0,
    embedding_dim=0,
    num_prototypes=500,
    queue=dict(length=2048),
)
