data_preprocessor = dict(
    type="MultiCropDataPreProcessor",
    mean=[127.0, 127.0, 127.0],
    std=[128.0, 128.0, 128.0],
    bgr_to_rgb=True,
    channels_last=True,
    seg_pad_val=1000,
)
model = dict(
    type="PixelAttentionSegmentor",
    data_preprocessor=data_preprocessor,
    # Batch norms of the frozen backbone keep their statistics: those of few small crops blur what it knows.
    backbone=dict(type="PartlyFrozenTIMMBackbone", model_name="tf_efficientnet_lite0", norm_eval=True),
    hidden_channels=256,
    embedding_dim=32,
    num_prototypes=100,
    queue=dict(length=512),
)
