_base_ = "image_folder_pixel_labels.py"
# Gentler colors than the published ones: what little data there is may tell its categories apart by color.
colors = dict(type="ColorDistortion", brightness=0.4, contrast=0.4, saturation=0.2, hue=0.05, gray_prob=0)
*loading, crop, flip, packing = _base_.train_pipeline
train_pipeline = [*loading, dict(crop, size=160, scale=(0.14, 1.0)), flip, colors, packing]
train_dataloader = dict(batch_size=16, dataset=dict(split="train-semi", pipeline=train_pipeline))
