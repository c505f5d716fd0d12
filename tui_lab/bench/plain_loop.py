"""What a person would run instead: diffusers' examples/unconditional_image_generation/train_unconditional.py, line by
line, on the recipe's data, model and knobs.

Kept from it: every picture is decoded and transformed by Pillow at every visit, in the training process, by a datasets
transform under a DataLoader with its defaults; everything is prepared by accelerate; the noise is added in the mixed
precision's own format; AdamW is not fused, the mean of the weights goes tensor by tensor; the loss is read and shown at
every step. Left out: checkpoints, samples and the upload. Changed: torchvision's transforms, here the same by Pillow
and torch; what the script cannot do but a recipe asks for (v-prediction, min-SNR) is from its text_to_image script.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any

import datasets
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from accelerate import Accelerator
from diffusers import DDPMScheduler
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel, compute_snr
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm  # type: ignore[import-untyped]

from tui_lab.data import Images
from tui_lab.engine.learner import fresh_model
from tui_lab.errors import LabError
from tui_lab.recipe import Recipe


class PlainLoop:
    """One process's training, an update at a time. `precision` is accelerate's: "no", as the script's default, or
    "bf16"."""

    def __init__(self, recipe: Recipe, images: Images, precision: str) -> None:
        """Raises LabError where the recipe asks for what neither script does."""
        self.recipe = recipe
        self._check()
        training, optimizer = recipe.training, recipe.optimizer
        self.accelerator = Accelerator(mixed_precision=precision, cpu=training.device == "cpu")
        self.weight_dtype = {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
        model = fresh_model(recipe)
        self.ema_model = EMAModel(
            model.parameters(),
            decay=recipe.ema.decay,
            use_ema_warmup=True,
            inv_gamma=1.0,
            power=3 / 4,
            model_cls=type(model),
            model_config=model.config,
        )
        self.noise_scheduler = DDPMScheduler(
            num_train_timesteps=recipe.noise_scheduler.num_train_timesteps,
            beta_schedule=recipe.noise_scheduler.beta_schedule,
            prediction_type=recipe.noise_scheduler.prediction_type,
        )
        adamw = torch.optim.AdamW(
            model.parameters(),
            lr=optimizer.learning_rate,
            betas=(optimizer.betas[0], optimizer.betas[1]),
            weight_decay=optimizer.weight_decay,
            eps=optimizer.eps,
        )
        dataset = _as_dataset(images)
        dataset.set_transform(self._transform_images)
        torch.manual_seed(training.seed)
        loader = torch.utils.data.DataLoader(dataset, batch_size=training.train_batch_size, shuffle=True, num_workers=0)
        schedule = get_scheduler(
            recipe.lr_scheduler.name,
            optimizer=adamw,
            num_warmup_steps=recipe.lr_scheduler.num_warmup_steps,
            num_training_steps=training.max_train_steps,
        )
        self.model, self.optimizer, self.train_dataloader, self.lr_scheduler = self.accelerator.prepare(
            model, adamw, loader, schedule
        )
        self.ema_model.to(self.accelerator.device)
        self.global_step = 0
        self.model.train()
        self._batches = self._epochs()
        self._progress_bar = tqdm(total=training.max_train_steps, file=sys.stderr, disable=None)

    def update(self) -> float:
        """The script's inner loop once; the loss that it shows."""
        batch = next(self._batches)
        clean_images = batch["input"].to(self.weight_dtype)
        noise = torch.randn(clean_images.shape, dtype=self.weight_dtype, device=clean_images.device)
        steps = self.noise_scheduler.config.num_train_timesteps
        timesteps = torch.randint(0, steps, (clean_images.shape[0],), device=clean_images.device).long()
        noisy_images = self.noise_scheduler.add_noise(clean_images, noise, timesteps)
        with self.accelerator.accumulate(self.model):
            model_output = self.model(noisy_images, timesteps).sample
            loss = self._loss(model_output, clean_images, noise, timesteps)
            self.accelerator.backward(loss)
            if self.accelerator.sync_gradients:
                self.accelerator.clip_grad_norm_(self.model.parameters(), self.recipe.optimizer.max_grad_norm)
            self.optimizer.step()
            self.lr_scheduler.step()
            self.optimizer.zero_grad()
        if self.accelerator.sync_gradients:
            self.ema_model.step(self.model.parameters())
            self._progress_bar.update(1)
            self.global_step += 1
        logs = {"loss": loss.detach().item(), "lr": self.lr_scheduler.get_last_lr()[0], "step": self.global_step}
        logs["ema_decay"] = self.ema_model.cur_decay_value
        self._progress_bar.set_postfix(**logs)
        self.accelerator.log(logs, step=self.global_step)
        return logs["loss"]

    @torch.no_grad()
    def predict(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """The answer of the weights as they are now, as `Evaluation` asks for it."""
        self.model.eval()
        answered: Tensor = self.model(x.to(self.weight_dtype), t).sample
        self.model.train()
        return answered.float()

    def _check(self) -> None:
        noise, loss = self.recipe.noise_scheduler, self.recipe.loss
        known = (
            noise.class_name == "DDPMScheduler"
            and self.recipe.model.class_name == "UNet2DModel"
            and not self.recipe.model.num_class_embeds
            and noise.prediction_type in ("epsilon", "v_prediction")
            and not noise.rescale_betas_zero_snr
            and loss.type == "mse"
            and loss.weighting in ("none", "min_snr")
            and loss.timestep_sampling == "uniform"
            and self.recipe.training.gradient_accumulation_steps == 1
        )
        if not known:
            raise LabError(
                f"{self.recipe.recipe.name} asks for what diffusers' script cannot do: choose an unconditional "
                "UNet2DModel with DDPMScheduler, epsilon or v_prediction, such as pixel-faces-16"
            )

    def _loss(self, output: Tensor, clean_images: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        is_velocity = self.recipe.noise_scheduler.prediction_type == "v_prediction"
        target = self.noise_scheduler.get_velocity(clean_images, noise, timesteps) if is_velocity else noise
        if self.recipe.loss.weighting == "none":
            return F.mse_loss(output.float(), target.float())
        snr = compute_snr(self.noise_scheduler, timesteps)
        weights = torch.stack([snr, self.recipe.loss.snr_gamma * torch.ones_like(timesteps)], dim=1).min(dim=1)[0]
        weights = weights / (snr + 1 if is_velocity else snr)
        loss = F.mse_loss(output.float(), target.float(), reduction="none")
        return (loss.mean(dim=list(range(1, len(loss.shape)))) * weights).mean()

    def _epochs(self) -> Iterator[dict[str, Tensor]]:
        while True:
            yield from self.train_dataloader

    def _transform_images(self, examples: dict[str, list[Image.Image]]) -> dict[str, list[Tensor]]:
        return {"input": [self._augmented(image.convert("RGB")) for image in examples["image"]]}

    def _augmented(self, image: Image.Image) -> Tensor:
        """Resize, CenterCrop or RandomCrop, RandomHorizontalFlip, ToTensor, Normalize."""
        height, width = self.recipe.dataset.size
        scale = max(height / image.height, width / image.width)
        resized = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
        if resized != image.size:
            image = image.resize(resized, Image.Resampling.BILINEAR)
        left, top = image.width - width, image.height - height
        if self.recipe.dataset.fit == "center_crop":
            left, top = left // 2, top // 2
        else:
            left, top = (int(torch.randint(0, room + 1, (1,)).item()) for room in (left, top))
        image = image.crop((left, top, left + width, top + height))
        if self.recipe.dataset.random_flip and torch.rand(1) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tensor = torch.from_numpy(np.array(image, copy=True)).permute(2, 0, 1).contiguous().float().div(255)
        return (tensor - 0.5) / 0.5


def _as_dataset(images: Images) -> Any:
    """The recipe's training pictures, at the size that the cache keeps, as encoded files: those of a hub set or of a
    folder are larger still."""
    if images.shape[2] != 3:
        raise LabError("diffusers' script trains on 3 channels alone: choose a recipe with dataset.channels 3")
    encoded = []
    for row in images.train_rows:
        file = io.BytesIO()
        Image.fromarray(images.pixels[row]).save(file, "PNG")
        encoded.append({"bytes": file.getvalue(), "path": None})
    return datasets.Dataset.from_dict({"image": encoded}).cast_column("image", datasets.Image())
