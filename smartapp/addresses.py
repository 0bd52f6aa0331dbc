"""Which IP addresses this server may connect to, whoever named them (C15, S50)."""

import ipaddress

from django.conf import settings

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Not public according to IANA's registries; Python versions differ in what they know.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(one)
    for one in (
        "fec0::/10",  # site-local (RFC 3879)
        "3fff::/20",  # documentation (RFC 9637)
        "2001:db8::/32",
        "5f00::/16",  # segment routing (RFC 9602)
        "64:ff9b:1::/48",  # local translation (RFC 8215)
        "100::/64",
        "fc00::/7",
        "fe80::/10",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "198.18.0.0/15",
    )
)


def address_is_allowed(address: str) -> bool:
    """Return whether we may connect to an IP address: public ones, and loopback in development
    (C15).

    Raises ValueError if it is not an address.
    """
    ip = embedded(ipaddress.ip_address(address.split("%")[0]))
    if ip.is_loopback:
        return bool(settings.ALLOW_LOOPBACK_EHRS)
    if any(ip in network for network in _NOT_PUBLIC):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def embedded(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that an IPv6 address embeds, if it embeds one."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
