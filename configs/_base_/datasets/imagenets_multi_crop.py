_base_ = "image_folder_multi_crop.py"
crops = dict(type="MultiCrop", groups=[dict(size=224, number=2, scale=(0.08, 1.0))])
crop_pipeline = [_base_.crop_pipeline[0], crops, _base_.crop_pipeline[-1]]
train_dataloader = dict(num_workers=8, dataset=dict(data_root="data/ImageNetS919", subset=919, pipeline=crop_pipeline))
