# For warm starts and small data: LARC moves a weight by lr x 0.001 of its norm an iteration, too little here.
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=1e-3))
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0, by_epoch=True, convert_to_iter_based=True)]
train_cfg = dict(type="FullBatchTrainLoop", max_epochs=2)
