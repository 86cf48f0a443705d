_base_ = [
    "../_base_/models/knn_r50.py",
    "../_base_/datasets/imagenets50.py",
    "../_base_/default_runtime.py",
]
data_root = "data/Flowers15"
data_preprocessor = dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0])
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(_delete_=True, type="PartlyFrozenTIMMBackbone", model_name="tf_efficientnet_lite0"),
)
support_dataset = dict(
    type="ImageNetSDataset",
    data_root=data_root,
    split="train-semi",
    pipeline=_base_.test_pipeline,
    test_mode=True,
)
custom_hooks = [dict(type="SupportHook", dataset=support_dataset, num_workers=2)]
val_dataloader = dict(num_workers=2, dataset=dict(data_root=data_root, subset=None))
test_dataloader = val_dataloader
val_evaluator = dict(matching="identity")
test_evaluator = val_evaluator
