model = dict(
    type="PixelAttentionSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor", mean=[127.0] * 3, std=[128.0] * 3, channels_last=True),
    # Batch norms of the frozen backbone keep their statistics: those of few small crops blur what it knows.
    backbone=dict(type="PartlyFrozenTIMMBackbone", model_name="tf_efficientnet_lite0", norm_eval=True),
    hidden_channels=256,
    embedding_dim=32,
    num_prototypes=100,
    queue=dict(length=512),
)
