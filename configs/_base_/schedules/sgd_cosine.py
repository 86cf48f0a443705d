# 0.03 is MoCo's learning rate for a global batch of 256; auto_scale_lr.enable=True fits it to another.
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.03, momentum=0.9, weight_decay=1e-4))
# Schedules end with training, however long it is.
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0, by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False, base_batch_size=256)
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=200)
