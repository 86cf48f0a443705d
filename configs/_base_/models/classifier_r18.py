model = dict(
    type="mmpretrain.ImageClassifier",
    data_preprocessor=dict(
        type="mmpretrain.ClsDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(type="ResNet", depth=18, norm_cfg=dict(type="BN"), norm_eval=False, zero_init_residual=False),
    neck=dict(type="mmpretrain.GlobalAveragePooling"),
    head=dict(
        type="mmpretrain.LinearClsHead",
        num_classes=50,
        in_channels=512,
        loss=dict(type="mmpretrain.CrossEntropyLoss"),
        cal_acc=True,
    ),
)
