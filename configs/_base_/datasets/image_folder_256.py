# Training crops of 192 enlarge what they show by about a third, so whole images are enlarged as much.
_base_ = "image_folder.py"
resize = dict(_base_.resize, scale=256)
test_pipeline = [_base_.load_image, resize, _base_.load_labels, _base_.pack]
tta_resizes = [dict(resize, scale=192), resize, dict(resize, scale=320)]
tta_passes = [tta_resizes, _base_.flips, [_base_.load_labels], [_base_.pack_flips]]
tta_pipeline = [_base_.load_image, dict(type="TestTimeAug", transforms=tta_passes)]
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
