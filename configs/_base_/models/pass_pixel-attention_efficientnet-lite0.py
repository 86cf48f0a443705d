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
    backbone=dict(type="mmpretrain.TIMMBackbone", model_name="tf_efficientnet_lite0", features_only=True),
    hidden_channels=256,
    embedding_dim=32,
    num_prototypes=100,
    queue=dict(length=512),
)
