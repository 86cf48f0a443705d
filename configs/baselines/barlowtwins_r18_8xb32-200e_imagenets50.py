_base_ = [
    "../_base_/models/barlowtwins_r18.py",
    "../_base_/datasets/imagenets_byol.py",
    "../_base_/schedules/lars_warmup.py",
    "../_base_/default_runtime.py",
]
optim_wrapper = dict(
    optimizer=dict(lr=0.2),
    paramwise_cfg=dict(
        custom_keys={"bn": dict(lr_mult=0.024), "bias": dict(lr_mult=0.024), "downsample.1": dict(lr_mult=0.024)}
    ),
)
param_scheduler = [dict(type="WarmupCosineLR", warmup=10, min_lr=0.0002, by_epoch=True, convert_to_iter_based=True)]
