# Free protocol: starts from ImageNet-supervised weights and trains their last stage gently for an epoch.
_base_ = [
    "../_base_/models/pass-pretrain_efficientnet-lite0.py",
    "../_base_/models/warm-start_efficientnet-lite0.py",
    "../_base_/datasets/image_folder_multi_crop.py",
    "../_base_/schedules/adam.py",
    "../_base_/default_runtime.py",
]
model = _base_.warm_model
train_dataloader = dict(dataset=dict(data_root="data/mini_imagenets"))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.05))))
train_cfg = dict(max_epochs=1)
default_hooks = dict(
    prototype_kmeans=dict(type="PrototypeKMeansHook"),
    prototypes=dict(type="PrototypeHook", freeze_iters=15),
    collapse_warning=dict(type="CollapseWarningHook", interval=15),
)
