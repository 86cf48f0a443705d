_base_ = [
    "../_base_/models/simclr_r18.py",
    "../_base_/datasets/imagenets_simclr.py",
    "../_base_/schedules/lars_warmup.py",
    "../_base_/default_runtime.py",
]
