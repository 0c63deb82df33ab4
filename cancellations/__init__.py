"""The heart: who may end an order early, when, and does it count against the seller?"""
