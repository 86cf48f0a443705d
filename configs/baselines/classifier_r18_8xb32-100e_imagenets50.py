# Free protocol: image-level labels of the training images.
_base_ = [
    "../_base_/models/classifier_r18.py",
    "../_base_/datasets/imagenets_image_labels.py",
    "../_base_/schedules/sgd_cosine.py",
    "../_base_/default_runtime.py",
]
optim_wrapper = dict(optimizer=dict(lr=0.1))
train_cfg = dict(max_epochs=100)
