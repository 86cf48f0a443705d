_base_ = [
    "../_base_/models/simsiam_r18.py",
    "../_base_/datasets/imagenets_mocov2.py",
    "../_base_/schedules/sgd_cosine.py",
    "../_base_/default_runtime.py",
]
optim_wrapper = dict(optimizer=dict(lr=0.05), paramwise_cfg=dict(custom_keys=dict(predictor=dict(fix_lr=True))))
# The predictor's learning rate stays as it is, whatever the schedule sets each iteration.
default_hooks = dict(
    predictor_lr=dict(type="mmpretrain.SimSiamHook", priority="HIGH", fix_pred_lr=True, lr=0.05, adjust_by_epoch=False)
)
