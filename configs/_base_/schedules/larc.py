optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="LARC", lr=0.6, momentum=0.9, weight_decay=1e-6))
# Schedules end with training, however long it is.
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0.0006, by_epoch=True, convert_to_iter_based=True)]
train_cfg = dict(type="FullBatchTrainLoop", max_epochs=20, val_interval=20)
