model = dict(
    type="PASSPretrainer",
    data_preprocessor=dict(type="LUSSDataPreProcessor", mean=[127.0] * 3, std=[128.0] * 3, channels_last=True),
    backbone=dict(type="PartlyFrozenTIMMBackbone", model_name="tf_efficientnet_lite0", frozen_stages=3),
    hidden_channels=256,
    embedding_dim=32,
    num_prototypes=100,
    queue=dict(length=512),
    shallow_stages=[3],
    loss_weights=[1, 1],
)
