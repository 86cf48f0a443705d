_base_ = "knn_r50_imagenets919.py"
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(_delete_=True, type="PartlyFrozenTIMMBackbone", model_name="tf_efficientnet_lite0"),
)
env_cfg = dict(cudnn_benchmark=True)
dataset = dict(data_root="data/Flowers15", subset=None)
default_hooks = dict(support=dict(dataset=dataset, num_workers=2))
val_dataloader = test_dataloader = dict(num_workers=2, dataset=dataset)
