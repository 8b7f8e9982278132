"""A device that stands in for a GPU: CPU tensors that say they are elsewhere, and never mix.

Every operation on a tensor of the device "standin" is carried out on the CPU, after a check that
all other tensors in it are of that device too, as a GPU demands: only numbers without axes, and
indices, may come from the CPU. Reading values, as a GPU allows, works; turning a tensor into an
array does not.
"""

import torch
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "standin"
INDEXING = {torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default,
            torch.ops.aten.index_put.default, torch.ops.aten._index_put_impl_.default}  # fmt: skip
MOVING = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}


class Mixed(RuntimeError):
    """Tensors of two devices met in one operation."""


class Elsewhere(torch.Tensor):
    """A tensor whose values are on the CPU and whose device is the stand-in."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(),
            dtype=held.dtype, layout=held.layout, device=torch.device(NAME, 0),
            requires_grad=False,
        )  # fmt: skip

    def __init__(self, held):
        self.held = held

    def __repr__(self):
        return f"Elsewhere({self.held})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return carry_out(func, args, kwargs or {})

    def tolist(self):
        return self.held.detach().tolist()

    def __format__(self, spec):
        return format(self.held.item(), spec)

    def __deepcopy__(self, memo):
        return memo.setdefault(id(self), type(self)(self.held.detach().clone()))

    def numpy(self, *args, **kwargs):
        raise Mixed("a tensor elsewhere is no array: call cpu() first")


def mapped(change, value):
    """A nest of tuples, lists and dictionaries with all tensors changed: pytree's is slower."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (tuple, list)):
        return type(value)([mapped(change, each) for each in value])
    if isinstance(value, dict):
        return {key: mapped(change, each) for key, each in value.items()}
    return value


def carry_out(func, args, kwargs):
    """One operation, on the values."""
    device = kwargs.get("device")
    moving, given = func in MOVING, []

    def held(tensor):
        given.append(tensor)
        return tensor.held if isinstance(tensor, Elsewhere) else tensor

    values, own = mapped(held, args), mapped(held, kwargs)
    there = [each for each in given if isinstance(each, Elsewhere)]
    here = [each for each in given if not isinstance(each, Elsewhere) and each.ndim]
    if there and here and not moving:
        indices = args[1] if func in INDEXING else ()
        if not isinstance(args[0], Elsewhere) or any(
            all(e is not i for i in indices) for e in here
        ):
            raise Mixed(f"{func} of {sorted({str(each.device) for each in given})}")
    if device is not None:
        own["device"] = torch.device("cpu")
    found = func(*values, **own)
    if func.name().split("::")[1].split(".")[0].endswith("_") or "out" in kwargs:
        return kwargs.get("out", args[0])
    stays = bool(there) if device is None else torch.device(device).type == NAME
    return mapped(wrapped, found) if stays else found


def wrapped(value):
    return value if isinstance(value, Elsewhere) else Elsewhere(value)


class Module:
    """What torch asks of a device's module."""

    used = False  # torch.nn.DataParallel takes whatever device is available

    def is_initialized(self):
        return True

    def is_available(self):
        return Module.used

    def current_device(self):
        return 0

    def _is_in_bad_fork(self):
        return False

    def manual_seed_all(self, seed):
        pass

    def device_count(self):
        return 1

    def get_amp_supported_dtype(self):
        return [torch.bfloat16, torch.float16]


def made_here(make):
    """A function like torch.tensor that makes its tensor on the CPU and moves it.

    torch itself cannot, or resizes a tensor on the way, which a wrapper would not notice.
    """

    def tensor(*data, device=None, **options):
        found = make(*data, **options)
        return found if device is None else found.to(device)

    return tensor


def register():
    """Make torch know the device; once a process."""
    if not hasattr(torch, NAME):
        _setup_privateuseone_for_python_backend(NAME, backend_module=Module())
        Module.library = torch.library.Library("_", "IMPL")  # lasts as long as the process
        Module.library.fallback(lambda op, *a, **k: carry_out(op, a, k), "PrivateUse1")
        for name in ("tensor", "as_tensor", "arange"):
            setattr(torch, name, made_here(getattr(torch, name)))
