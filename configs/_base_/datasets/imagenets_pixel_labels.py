_base_ = "image_folder_pixel_labels.py"
*loading, crop, flip, packing = _base_.train_pipeline
train_pipeline = [*loading, dict(crop, size=224, scale=(0.08, 1.0)), flip, packing]
train_dataloader = dict(num_workers=8, dataset=dict(data_root="data/ImageNetS919", subset=919, pipeline=train_pipeline))
