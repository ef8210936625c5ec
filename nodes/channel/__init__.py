"""Channels carry frames between nodes: in process, over MQTT, over sockets."""
