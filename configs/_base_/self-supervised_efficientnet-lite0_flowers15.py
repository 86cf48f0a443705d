_base_ = ["warm-start_efficientnet-lite0.py", "datasets/image_folder_views.py"]
# The learners' necks take one map.
warm_model = dict(backbone=dict(out_indices=(4,)))
train_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
