# 0.3 is SimCLR's learning rate for a global batch of 256; auto_scale_lr.enable=True fits it to another.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="mmpretrain.LARS", lr=0.3, momentum=0.9, weight_decay=1e-6),
    paramwise_cfg=dict(
        custom_keys={
            "bn": dict(decay_mult=0, lars_exclude=True),
            "bias": dict(decay_mult=0, lars_exclude=True),
            # The norm of a residual block's shortcut.
            "downsample.1": dict(decay_mult=0, lars_exclude=True),
        }
    ),
)
param_scheduler = [dict(type="WarmupCosineLR", warmup=10, by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False, base_batch_size=256)
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=200)
