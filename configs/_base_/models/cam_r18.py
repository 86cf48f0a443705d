model = dict(
    type="ClassActivationSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor"),
    backbone=dict(type="ResNet", depth=18, norm_cfg=dict(type="BN"), norm_eval=False),
    head=dict(
        type="mmpretrain.LinearClsHead",
        num_classes=50,
        in_channels=512,
        loss=dict(type="mmpretrain.CrossEntropyLoss"),
    ),
)
