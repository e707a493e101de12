"""The lab: network namespaces with a router of every kind in front of each host.

Owns how an Internet of one machine is built, damaged and taken away again; knows no telephone
except in `calls.py`. Nothing in it has a way out of the namespaces it makes.
"""
