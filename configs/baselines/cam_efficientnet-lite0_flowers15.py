# Free protocol: class activation maps of the classifier.
_base_ = [
    "../_base_/models/cam_r18.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/default_runtime.py",
]
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3, channels_last=True),
    backbone=dict(_delete_=True, type="PartlyFrozenTIMMBackbone", model_name="tf_efficientnet_lite0"),
    head=dict(num_classes=15, in_channels=320),
)
val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
val_evaluator = test_evaluator = dict(matching="identity", thresholds=[i / 100 for i in range(81)])
