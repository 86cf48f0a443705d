_base_ = "imagenets_pixel_labels.py"
*loading, crop, flip, packing = _base_.train_pipeline
train_pipeline = [*loading, dict(crop, scale=(0.14, 1.0)), flip, dict(type="ColorDistortion"), packing]
train_dataloader = dict(drop_last=False, dataset=dict(split="train-semi", pipeline=train_pipeline))
