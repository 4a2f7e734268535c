"""What watches the mail hosts: samples, rules, alerts, and the digest made of them."""
