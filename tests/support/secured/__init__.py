"""What tests of a secured Kafka share: certificates, a broker, a token endpoint."""
