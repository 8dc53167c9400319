#!/usr/bin/env python3
"""Runs the reference's schedulers where the fixtures have none, with the synthetic model of tests/golden/README.md.

usage: scheduler_trajectories.py [GOLDEN_DIR]

The trajectories go to GOLDEN_DIR/derived/schedulers.json, and MANIFEST.json learns of the file. A case is a class with
its configuration, what its set_timesteps is called with, and what comes of it: timesteps, sigmas and the sample after
each step. All start from x_init, and solvers that draw noise get the rows of `noise` one after the other. All numbers
are f32. Cases of the class "DMD" follow what FastVideo's DmdDenoisingStage, Self-Forcing's denoising loop and rCM's
wan2pt1_t2v_rcm_infer.py compute, over the table of diffusers' FlowMatchEulerDiscreteScheduler. Needs torch, scipy (for beta sigmas) and diffusers; select_fixtures.py keeps the folder.
"""

import json
import math
import pathlib
import sys

import diffusers
import numpy
import scipy
import torch

import derived

FILE = "derived/schedulers.json"
SHAPE = (1, 1, 1, 3)
MOST_STEPS = 16

DPM = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 3.0}
UNIPC = dict(DPM, solver_order=2)
SINGLESTEP, MULTISTEP, UNIPC_CLASS = (
    "DPMSolverSinglestepScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
)
EULER, HEUN, LCM = "FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler", "FlowMatchLCMScheduler"
LEVELS = [1.0, 0.8, 0.55, 0.2]


def cases():
    """Names, classes, configurations, and the arguments of set_timesteps."""
    for order in (1, 2, 3):
        # of the third order the last group is of one, two and three steps
        for steps in {1: (5,), 2: (5, 6), 3: (6, 7, 8)}[order]:
            yield f"dpm_{order}s_{steps}", SINGLESTEP, dict(DPM, solver_order=order), {"num_inference_steps": steps}
        for solver in ("midpoint", "heun"):
            if order > 1 and solver == "heun":
                config = dict(DPM, solver_order=order, solver_type=solver)
                yield f"dpm_{order}s_heun", SINGLESTEP, config, {"num_inference_steps": 7}
            if order > 1 or solver == "midpoint":
                config = dict(DPM, solver_order=order, solver_type=solver, algorithm_type="sde-dpmsolver++")
                yield f"dpm_sde_{order}s_{solver}", SINGLESTEP, config, {"num_inference_steps": 7}
    for solver in ("midpoint", "heun"):
        config = dict(DPM, solver_order=2, solver_type=solver, algorithm_type="sde-dpmsolver++")
        yield f"dpm_sde_2m_{solver}", MULTISTEP, config, {"num_inference_steps": 6}
    config = dict(DPM, solver_order=3, algorithm_type="sde-dpmsolver++")
    yield "dpm_sde_3m", MULTISTEP, config, {"num_inference_steps": 8}
    yield "dpm_sde_3m_16", MULTISTEP, config, {"num_inference_steps": 16}  # 15 or more: the third order to the end

    yield "unipc_sigmas", UNIPC_CLASS, UNIPC, {"sigmas": LEVELS}
    yield "unipc_karras", UNIPC_CLASS, dict(UNIPC, use_karras_sigmas=True), {"num_inference_steps": 6}
    config = dict(UNIPC, use_karras_sigmas=True, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    yield "unipc_karras_scaled_linear", UNIPC_CLASS, config, {"num_inference_steps": 4}
    config = dict(UNIPC, use_karras_sigmas=True, sigma_min=0.02, sigma_max=60.0)
    yield "unipc_karras_ends", UNIPC_CLASS, config, {"num_inference_steps": 4}
    yield "unipc_terminal", UNIPC_CLASS, dict(UNIPC, shift_terminal=0.1), {"num_inference_steps": 5}

    for name, scheduler in (("euler", EULER), ("lcm", LCM)):
        yield f"{name}_sigmas", scheduler, {"shift": 3.0}, {"sigmas": LEVELS}
        yield f"{name}_timesteps", scheduler, {"shift": 8.0}, {"timesteps": [1000, 757, 522]}
        yield f"{name}_terminal", scheduler, {"shift": 3.0, "shift_terminal": 0.1}, {"num_inference_steps": 5}
        config = {"use_dynamic_shifting": True}
        yield f"{name}_dynamic", scheduler, config, {"num_inference_steps": 5, "mu": 1.15}
        for kind in ("karras", "exponential", "beta"):
            config = {"shift": 3.0, f"use_{kind}_sigmas": True}
            yield f"{name}_{kind}", scheduler, config, {"num_inference_steps": 7}
    yield "euler_beta_1", EULER, {"shift": 3.0, "use_beta_sigmas": True}, {"num_inference_steps": 1}
    config = {"use_dynamic_shifting": True, "time_shift_type": "linear", "shift_terminal": 0.02}
    yield "euler_dynamic_linear_terminal", EULER, config, {"num_inference_steps": 4, "mu": 2.5}
    yield "euler_sigmas_terminal", EULER, {"shift": 3.0, "shift_terminal": 0.1}, {"sigmas": LEVELS}
    yield "euler_sigmas_karras", EULER, {"shift": 3.0, "use_karras_sigmas": True}, {"sigmas": LEVELS}
    yield "euler_stochastic", EULER, {"shift": 5.0, "stochastic_sampling": True}, {"num_inference_steps": 5}
    yield "lcm_3", LCM, {"shift": 3.0}, {"num_inference_steps": 4}
    yield "lcm_8", LCM, {"shift": 8.0}, {"num_inference_steps": 8}
    for steps in (1, 2, 5):
        yield f"heun_{steps}", HEUN, {"shift": 3.0}, {"num_inference_steps": steps}
    yield "heun_shift_8", HEUN, {"shift": 8.0}, {"num_inference_steps": 4}


def noise_generator():
    """What draws the noise of each case."""
    return torch.Generator().manual_seed(21)


def run(scheduler_class, config, arguments, x):
    """The trajectory of one case, from x."""
    scheduler = getattr(diffusers, scheduler_class)(**config)
    arguments = dict(arguments)
    if scheduler_class == UNIPC_CLASS and "sigmas" in arguments:
        arguments["sigmas"] = numpy.array(arguments["sigmas"])  # a list it cannot multiply
    scheduler.set_timesteps(**arguments)
    draws = scheduler_class == LCM or config.get("stochastic_sampling") or "sde" in config.get("algorithm_type", "")
    generator, twin = noise_generator(), noise_generator()
    further = {"generator": generator} if scheduler_class != UNIPC_CLASS else {}
    result = {"trajectory": []}
    for t in scheduler.timesteps:
        x = scheduler.step(velocity(x, t.item()), t, x, return_dict=False, **further)[0]
        result["trajectory"].append(x.flatten().tolist())
        if draws:
            torch.randn(SHAPE, generator=twin)
    if not torch.equal(generator.get_state(), twin.get_state()):
        raise SystemExit(f"{scheduler_class} {config}: it does not draw once a step")
    if not torch.isfinite(x).all():
        raise SystemExit(f"{scheduler_class} {config}: not finite")
    result["timesteps"] = scheduler.timesteps.float().tolist()
    result["sigmas"] = scheduler.sigmas.tolist()
    return result


def velocity(x, t):
    """The synthetic model."""
    return torch.tanh(0.7 * x) + 0.1 * t / 1000


def renoise(x, timesteps, sigmas):
    """Steps to x0 and back with fresh noise, in f64 but for the network and the samples in between."""
    generator = noise_generator()
    trajectory = []
    for t, sigma, following in zip(timesteps, sigmas, [*sigmas[1:], 0.0]):
        x0 = (x.double() - sigma * velocity(x, t).double()).float()
        noise = torch.randn(SHAPE, generator=generator)
        x = ((1 - following) * x0.double() + following * noise.double()).float() if following > 0 else x0
        trajectory.append(x.flatten().tolist())
    return {"trajectory": trajectory, "timesteps": timesteps, "sigmas": [*sigmas, 0.0]}


def dmd_cases(x):
    """Whole cases, with the trajectories."""

    def table(shift):
        scheduler = getattr(diffusers, EULER)(shift=shift)
        return scheduler.sigmas.double(), scheduler.timesteps.double()

    # FastVideo: the noise of the nearest point of the whole table
    sigmas, timesteps = table(8.0)
    asked = [1000.0, 757.0, 522.0]
    nearest = [sigmas[torch.argmin((timesteps - t).abs())].item() for t in asked]
    yield "dmd_fastwan", {"class": "DMD", "config": {"shift": 8.0}, "set_timesteps": {"timesteps": asked}} | renoise(
        x, asked, nearest
    )
    # Self-Forcing: warped denoising steps
    sigmas, timesteps = table(5.0)
    at = [1000 - t for t in (1000, 750, 500, 250)]
    case = renoise(x, timesteps[at].float().tolist(), sigmas[at].tolist())
    yield "dmd_self_forcing", {"class": "DMD", "config": {"shift": 5.0}, "set_timesteps": {"num_inference_steps": 4}} | case
    # rCM: angles of TrigFlow as times of the flow, and the noise scaled to the first
    angles = [math.atan(80.0), 1.5, 1.4, 1.0]
    times = [math.sin(a) / (math.cos(a) + math.sin(a)) for a in angles]
    case = renoise((x.double() * times[0]).float(), [torch.tensor(t).item() * 1000 for t in times], times)
    yield "dmd_rcm", {"class": "DMD", "config": {"shift": 1.0}, "set_timesteps": {"sigmas": times}} | case


def main():
    golden = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "tests" / "golden")
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(20))
    generator = noise_generator()
    noise = [torch.randn(SHAPE, generator=generator).flatten().tolist() for _ in range(MOST_STEPS)]
    trajectories = {}
    for name, scheduler_class, config, arguments in cases():
        trajectories[name] = {"class": scheduler_class, "config": config, "set_timesteps": arguments}
        trajectories[name] |= run(scheduler_class, config, arguments, x)
    trajectories |= dict(dmd_cases(x))

    def rounded(value):
        """Floats to the nine digits that tell f32 numbers apart."""
        if isinstance(value, dict):
            return {k: rounded(v) for k, v in value.items()}
        if isinstance(value, list):
            return [rounded(v) for v in value]
        return float(f"{value:.9g}") if isinstance(value, float) else value

    versions = {"torch": torch.__version__.split("+")[0], "diffusers": diffusers.__version__, "scipy": scipy.__version__}
    head = {"versions": versions, "shape": SHAPE, "x_init": rounded(x.flatten().tolist()), "noise": rounded(noise)}
    lines = ",\n".join(f" {json.dumps(n)}: {json.dumps(rounded(c))}" for n, c in trajectories.items())
    text = json.dumps(head)[:-1] + f', "cases": {{\n{lines}\n}}}}\n'
    (golden / FILE).write_text(text, encoding="utf-8")
    derived.enter_in_manifest(golden, [golden / FILE])
    print(f"{FILE}: {len(trajectories)} cases, {len(text)} bytes")


if __name__ == "__main__":
    main()
