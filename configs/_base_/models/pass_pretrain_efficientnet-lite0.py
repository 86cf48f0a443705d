data_preprocessor = dict(
    type="MultiCropDataPreProcessor",
    mean=[127.0, 127.0, 127.0],
    std=[128.0, 128.0, 128.0],
    bgr_to_rgb=True,
    channels_last=True,
    seg_pad_val=1000,
)
model = dict(
    type="PASSPretrainer",
    data_preprocessor=data_preprocessor,
    backbone=dict(type="PartlyFrozenTIMMBackbone", model_name="tf_efficientnet_lite0", frozen_stages=3),
    hidden_channels=256,
    embedding_dim=32,
    num_prototypes=100,
    queue=dict(length=512),
    shallow_stages=[3],
    loss_weights=[1, 1],
)
