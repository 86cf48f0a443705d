_base_ = [
    "../_base_/models/mocov3_r18.py",
    "../_base_/datasets/imagenets_byol.py",
    "../_base_/schedules/lars_warmup.py",
    "../_base_/default_runtime.py",
]
optim_wrapper = dict(optimizer=dict(lr=0.6))
