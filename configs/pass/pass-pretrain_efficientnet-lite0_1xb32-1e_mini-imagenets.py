# Free protocol: starts from ImageNet-supervised weights and trains their last stage gently for an epoch.
_base_ = [
    "../_base_/models/pass-pretrain_efficientnet-lite0.py",
    "../_base_/datasets/image_folder_multi_crop.py",
    "../_base_/warm-start_efficientnet-lite0.py",
]
model = _base_.warm_model
train_dataloader = dict(dataset=dict(data_root="data/mini_imagenets"))
train_cfg = dict(max_epochs=1)
default_hooks = dict(
    prototype_kmeans=dict(type="PrototypeKMeansHook"),
    prototypes=dict(type="PrototypeHook", freeze_iters=15),
    collapse_warning=dict(type="CollapseWarningHook", interval=15),
)
