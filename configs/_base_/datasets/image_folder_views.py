# Two views of an image for any learner of step 1, the crops of PASS on the same data.
_base_ = "image_folder_multi_crop.py"
view_pipeline = [*_base_.crop_pipeline[:-1], dict(type="mmpretrain.PackInputs", input_key="crops")]
train_dataloader = dict(dataset=dict(pipeline=view_pipeline))
