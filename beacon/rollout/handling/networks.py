"""The networks of a service, made in the engine where its units would not make them."""

from __future__ import annotations

from beacon.model.endpoints.network import Network
from beacon.model.service import Service
from beacon.rollout.tools import Tools
from beacon.units.container import network_name, own_networks
from beacon.units.plain.files import network_options


def make_networks(tools: Tools, service: Service) -> None:
    """Make all networks of *service*, in effect, that are not there, whatever their units say."""
    for network in own_networks(service):
        _make(tools, service, network)


def make_lost_networks(tools: Tools, service: Service) -> None:
    """Make the networks of *service*, in effect, that the engine has lost: units that are up would not."""
    for network in own_networks(service):
        if tools.unit(f"{network_name(network)}-network.service").active == "active":
            _make(tools, service, network)


def _make(tools: Tools, service: Service, network: str) -> None:
    said = service.network.get(network, Network())
    tools.engine.make_network(network_name(network), network_options(network, said))
