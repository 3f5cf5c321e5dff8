"""The domains of a machine's services: listed, checked, answered by the proxy, published to stores."""
