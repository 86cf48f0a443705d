# What other learners of step 1 share on Flowers15: the crops of PASS as views, and a gentle warm start.
_base_ = [
    "models/warm-start_efficientnet-lite0.py",
    "datasets/image_folder_multi_crop.py",
    "schedules/adam.py",
    "default_runtime.py",
]
# The learners' necks take one map.
warm_model = dict(backbone=dict(out_indices=(4,)))
view_pipeline = [*_base_.crop_pipeline[:-1], dict(type="mmpretrain.PackInputs", input_key="crops")]
train_dataloader = dict(dataset=dict(data_root="data/Flowers15", pipeline=view_pipeline))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.05))))
